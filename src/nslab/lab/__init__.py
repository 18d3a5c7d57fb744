"""What a lab is made of, building it, its images, its internet."""
