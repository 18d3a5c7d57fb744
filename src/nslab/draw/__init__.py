"""Pictures: a lab as it is, a journey as a ladder; plain SVG."""
