#!/usr/bin/env python3
"""make.py - prints the golden numbers of tests/unit/tensor/test_muon.c: the orthogonal
factor U V^T of a matrix, from numpy's singular value decomposition in double precision.

usage: tests/golden/polar/make.py"""
import numpy as np


def matrix(rows, cols):  # the same by integers in C
    i, j = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
    return ((i * 37 + j * 53 + i * i * j * 11 + i * j * j * 7) % 101 - 50) / 50.0


for rows, cols in ((5, 5), (3, 7), (7, 3)):
    a = matrix(rows, cols)
    u, s, vt = np.linalg.svd(a, full_matrices=False)
    print(f"/* {rows} x {cols}: singular values {s[0]:.3f} to {s[-1]:.3f} */")
    for row in u @ vt:
        print("    " + ", ".join(f"{x:.9f}" for x in row) + ",")
