"""A whole election on real data, from the ceremony to the auditor's verdict (`make demo`)."""
