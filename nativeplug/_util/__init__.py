"""What everything else uses, and what is not about plugins: directories, files, programs, locks."""
