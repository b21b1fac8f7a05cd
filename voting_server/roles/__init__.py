"""Roles: who may do what at an installation, by passkey; which acts were done, by whom, and what came of them."""
