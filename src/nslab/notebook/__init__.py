"""What a reader meets in Jupyter: shell cells, the lab's magics, the kernel that knows them."""
