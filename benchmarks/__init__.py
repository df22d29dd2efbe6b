"""How fast nativeplug is, beside everything else that calls native functions from Python."""
