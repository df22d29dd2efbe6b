"""Reads ELF files, elf(5), and loads nothing."""
