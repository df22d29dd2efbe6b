"""A file -> a loaded generation. Only this package calls the dynamic loader."""
