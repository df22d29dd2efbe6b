/* What Clang 14 writes for the C below with -gdwarf-5, without the code: addresses by index.
 *
 *     struct point { int x; double y; };
 *     int v = 3;
 *     __thread long t = 4;
 *     struct point here;
 *     int f(int a, struct point *p) { return 0; }
 */
    .text
    .globl f
    .type f,%function
f:
.Lfunc_begin0:
    .zero 4
.Lfunc_end0:
    .size f, .Lfunc_end0-f
    .type v,%object
    .data
    .globl v
v:
    .long 3
    .size v, 4
    .type t,%object
    .section .tdata,"awT",%progbits
    .globl t
t:
    .quad 4
    .size t, 8
    .type here,%object
    .bss
    .globl here
here:
    .zero 16
    .size here, 16
    .section .debug_abbrev,"",%progbits
    .byte 1, 17, 1, 37, 37, 19, 5, 3, 37, 114, 23, 16, 23, 27, 37, 17, 27, 18, 6, 115, 23, 0, 0
    .byte 2, 52, 0, 3, 37, 73, 19, 63, 25, 58, 11, 59, 11, 2, 24, 0, 0, 3, 36, 0, 3, 37, 62, 11
    .byte 11, 11, 0, 0, 4, 19, 1, 3, 37, 11, 11, 58, 11, 59, 11, 0, 0, 5, 13, 0, 3, 37, 73, 19
    .byte 58, 11, 59, 11, 56, 11, 0, 0, 6, 46, 1, 17, 27, 18, 6, 64, 24, 122, 25, 3, 37, 58, 11
    .byte 59, 11, 39, 25, 73, 19, 63, 25, 0, 0, 7, 5, 0, 2, 24, 3, 37, 58, 11, 59, 11, 73, 19, 0
    .byte 0, 8, 15, 0, 73, 19, 0, 0, 0
    .section .debug_info,"",%progbits
.Lcu_begin0:
    .long .Ldebug_info_end0-.Ldebug_info_start0
.Ldebug_info_start0:
    .short 5
    .byte 1, 8
    .long .debug_abbrev
    .byte 1, 0
    .short 12
    .byte 1
    .long .Lstr_offsets_base0
    .long .Lline_table_start0
    .byte 2, 2
    .long .Lfunc_end0-.Lfunc_begin0
    .long .Laddr_table_base0
    .byte 2, 3
    .long 46
    .byte 0, 2, 2, 161, 0, 3, 4, 5, 4, 2, 5
    .long 69
    .byte 0, 3, 10, 14
    .quad 0
    .byte 224, 3, 6, 5, 8, 2, 7
    .long 84
    .byte 0, 4, 2, 161, 1, 4, 11, 16, 0, 1, 5, 8
    .long 46
    .byte 0, 1, 0, 5, 9
    .long 108
    .byte 0, 1, 8, 0, 3, 10, 4, 8, 6, 2
    .long .Lfunc_end0-.Lfunc_begin0
    .byte 1, 87, 12, 0, 5
    .long 46
    .byte 7, 1, 85, 13, 0, 5
    .long 46
    .byte 7, 1, 84, 14, 0, 5
    .long 148
    .byte 0, 8
    .long 84
    .byte 0
.Ldebug_info_end0:
    .section .debug_str_offsets,"",%progbits
    .long 64
    .short 5
    .short 0
.Lstr_offsets_base0:
    .section .debug_str,"MS",%progbits,1
.Linfo_string0:
    .byte 0
.Linfo_string1:
    .asciz "made.c"
.Linfo_string2:
    .asciz "/src"
.Linfo_string3:
    .asciz "v"
.Linfo_string4:
    .asciz "int"
.Linfo_string5:
    .asciz "t"
.Linfo_string6:
    .asciz "long"
.Linfo_string7:
    .asciz "here"
.Linfo_string8:
    .asciz "x"
.Linfo_string9:
    .asciz "y"
.Linfo_string10:
    .asciz "double"
.Linfo_string11:
    .asciz "point"
.Linfo_string12:
    .asciz "f"
.Linfo_string13:
    .asciz "a"
.Linfo_string14:
    .asciz "p"
    .section .debug_str_offsets,"",%progbits
    .long .Linfo_string0, .Linfo_string1, .Linfo_string2, .Linfo_string3, .Linfo_string4
    .long .Linfo_string5, .Linfo_string6, .Linfo_string7, .Linfo_string8, .Linfo_string9
    .long .Linfo_string10, .Linfo_string11, .Linfo_string12, .Linfo_string13, .Linfo_string14
    .section .debug_addr,"",%progbits
    .long .Ldebug_addr_end0-.Ldebug_addr_start0
.Ldebug_addr_start0:
    .short 5
    .byte 8, 0
.Laddr_table_base0:
    .quad v
    .quad here
    .quad .Lfunc_begin0
.Ldebug_addr_end0:
    .section ".note.GNU-stack","",%progbits
    .section .debug_line,"",%progbits
.Lline_table_start0:
