"""A file -> a loaded generation. The only room that touches the operating system's handles."""
