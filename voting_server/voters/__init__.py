"""Voters: the roll, who somebody is, and the enrolment of a passkey; the identity side."""
