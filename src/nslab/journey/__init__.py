"""Journeys: one packet, followed through every interface and hook, and where and why it stopped."""
