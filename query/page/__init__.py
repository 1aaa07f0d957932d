"""What people look at: the page, its cards and files, and the pulse of the pipeline."""
