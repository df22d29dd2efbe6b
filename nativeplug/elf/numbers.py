"""
The numbers in ELF files, by their names in elf(5) and in glibc's elf/elf.h.

Where those are silent: the generic ABI for flags and compression, glibc's elf/dl-*.c for what the
loader makes of them.
"""

# e_ident, by their places, and e_type.
EI_CLASS, E_TYPE, E_MACHINE = 4, 16, 18
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
EM_386, EM_X86_64, EM_AARCH64 = 3, 62, 183

# p_type and p_flags.
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
PF_X, PF_W = 0x1, 0x2

# sh_type, sh_flags, and numbers of sections.
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_DYNSYM = 1, 2, 3, 4, 8, 11
SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 0x2, 0x4, 0x800
SHN_UNDEF, SHN_LORESERVE, SHN_ABS = 0, 0xFF00, 0xFFF1

# d_tag, and the flags in two of them.
DT_NULL, DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ = 0, 1, 4, 5, 6, 10
DT_SONAME, DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS = 14, 15, 22, 24, 29, 30
DT_GNU_HASH, DT_DEPAUDIT, DT_AUDIT = 0x6FFFFEF5, 0x6FFFFEFB, 0x6FFFFEFC
DT_VERSYM, DT_FLAGS_1, DT_VERDEF, DT_VERDEFNUM = 0x6FFFFFF0, 0x6FFFFFFB, 0x6FFFFFFC, 0x6FFFFFFD
DT_AUXILIARY, DT_FILTER = 0x7FFFFFFD, 0x7FFFFFFF
DF_SYMBOLIC, DF_TEXTREL, DF_BIND_NOW, DF_STATIC_TLS = 0x2, 0x4, 0x8, 0x10
DF_1_NOW, DF_1_GLOBAL, DF_1_NODELETE, DF_1_NOOPEN, DF_1_PIE = 0x1, 0x2, 0x8, 0x40, 0x08000000

# st_info and st_other.
STB_GLOBAL, STB_WEAK, STB_GNU_UNIQUE = 1, 2, 10
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_COMMON, STT_TLS, STT_GNU_IFUNC = 0, 1, 2, 5, 6, 10
STV_DEFAULT, STV_PROTECTED = 0, 3

# Of versions of symbols: what hides one that is not the default, and what names the file itself.
VERSYM_HIDDEN, VER_FLG_BASE = 0x8000, 0x1

# n_type, under the name "GNU".
NT_GNU_BUILD_ID = 3

# ch_type, of compressed sections.
ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD = 1, 2
