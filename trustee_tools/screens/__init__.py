"""The pages of `dobush-trustee` in a terminal (Textual, extra `tui`): the words of the command line, one page a step.

Spec: `docs/operations/trustee.md`. `work` joins desk and key file, `pages` are what a person sees, `app` turns pages.
"""
