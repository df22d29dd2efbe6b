"""A plugin's file changes -> another generation serves."""
