"""The cryptography and the election protocol: bytes and values in, values or typed errors out.

Spec: `docs/spec/`. Nothing below this package reads a file, a clock, a database or the network; randomness from the
operating system is the only effect. What may import what stands in `docs/architecture.md`.
"""
