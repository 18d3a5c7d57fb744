"""Captures: the packets seen at points of a lab, exactly, and as a table with tshark's columns and words."""
