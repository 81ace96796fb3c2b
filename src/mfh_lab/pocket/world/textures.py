"""Procedural solid textures and the sky, compiled by numba: no image files, no tiling seams."""

import math
from enum import IntEnum

import numba as nb

# Columns of a material row.
KIND, COLOR_A, COLOR_B, SCALE, BUMP, GLOSS, EMISSION, OFFSET, ASPECT, COLUMNS = 0, 1, 4, 7, 8, 9, 10, 11, 14, 15


class Texture(IntEnum):
    """How the two colours of a material are mixed over its surface."""

    PLAIN = 0
    PLANKS = 1
    TILES = 2
    BRICKS = 3
    STRIPES = 4
    FIBRE = 5
    CHECKS = 6
    FACADE = 7
    BLOBS = 8
    BOOKS = 9
    PATCHES = 10
    PRINT = 11
    MARBLE = 12
    DOTS = 13


@nb.njit(inline="always", fastmath=True)
def _hash(x, y, z):
    n = (x * 374761393 + y * 668265263 + z * 2147483647 * 7 + (x ^ z) * 1274126177) & 0x7FFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0x7FFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65535.0


@nb.njit(fastmath=True, cache=True)
def noise(x, y, z):
    """Value noise in [0, 1], smooth between integer lattice points."""
    fx, fy, fz = math.floor(x), math.floor(y), math.floor(z)
    i, j, k = int(fx), int(fy), int(fz)
    a, b, c = x - fx, y - fy, z - fz
    a, b, c = a * a * (3 - 2 * a), b * b * (3 - 2 * b), c * c * (3 - 2 * c)
    x00 = _hash(i, j, k) * (1 - a) + _hash(i + 1, j, k) * a
    x10 = _hash(i, j + 1, k) * (1 - a) + _hash(i + 1, j + 1, k) * a
    x01 = _hash(i, j, k + 1) * (1 - a) + _hash(i + 1, j, k + 1) * a
    x11 = _hash(i, j + 1, k + 1) * (1 - a) + _hash(i + 1, j + 1, k + 1) * a
    return (x00 * (1 - b) + x10 * b) * (1 - c) + (x01 * (1 - b) + x11 * b) * c


@nb.njit(fastmath=True, cache=True)
def fractal(x, y, z, octaves):
    """Fractal sum of value noise, about [0, 1]."""
    total, amplitude = 0.0, 0.5
    for _ in range(octaves):
        total += amplitude * noise(x, y, z)
        x, y, z = x * 2.03 + 17, y * 2.03 + 5, z * 2.03 + 9
        amplitude *= 0.5
    return total


@nb.njit(fastmath=True, cache=True)
def _random_color(out, a, b, c):
    out[0] = 0.06 + 0.84 * _hash(a, b, c)
    out[1] = 0.06 + 0.84 * _hash(a, b, c + 1)
    out[2] = 0.06 + 0.84 * _hash(a, b, c + 2)


@nb.njit(fastmath=True, cache=True)
def surface_color(m, px, py, pz, nx, ny, nz, out):
    """Write the albedo of material row ``m`` at a point with a normal into ``out`` (3)."""
    kind, s = int(m[0]), m[7]
    x, y, z = (px - m[11]) * s, (py - m[12]) * s, (pz - m[13]) * s
    ax, ay, az = abs(nx), abs(ny), abs(nz)
    if az >= ax and az >= ay:
        u, v = x, y
    elif ax >= ay:
        u, v = y, z
    else:
        u, v = x, z
    iu, iv = int(math.floor(u)), int(math.floor(v))
    fu, fv = u - iu, v - iv
    w = 0.0
    if kind == 0:
        w = 0.35 * fractal(x, y, z, 3)
    elif kind == 1:
        row = int(math.floor(v * 4))
        along = u + _hash(row, 3, 7) * 3
        plank = int(math.floor(along))
        seam = 1.0 if (v * 4 - row < 0.03 or along - plank < 0.008) else 0.0
        w = 0.25 * _hash(row, plank, 1) + 0.5 * fractal(along * 1.5, v * 24, z * 0.1, 4) + 0.6 * seam
    elif kind == 2:
        grout = fu < 0.03 or fv < 0.03
        w = 1.0 if grout else 0.25 * _hash(iu, iv, 2) + 0.12 * fractal(u * 6, v * 6, z, 3)
    elif kind == 3:
        row = int(math.floor(v * 3))
        along = u + 0.5 * (row & 1)
        brick = int(math.floor(along))
        mortar = along - brick < 0.04 or v * 3 - row < 0.1
        w = 1.0 if mortar else 0.35 * _hash(brick, row, 5) + 0.25 * fractal(u * 8, v * 8, z, 3)
    elif kind == 4:
        w = (0.8 if fu < m[14] else 0.0) + 0.15 * fractal(x * 9, y * 9, z * 9, 2)
    elif kind == 5:
        w = fractal(x, y, z, 5) * 0.8 + 0.5 * noise(x * 37, y * 37, z * 37) - 0.15
    elif kind == 6:
        w = float((iu + iv) & 1) * 0.85 + 0.15 * fractal(x * 5, y * 5, z * 5, 2)
    elif kind == 7:
        floor = int(math.floor(v * m[14]))
        rise = v * m[14] - floor
        pane = 0.25 < fu < 0.75 and 0.3 < rise < 0.85
        w = 1.0 - 0.5 * _hash(iu, floor, 4) if pane else 0.15 * fractal(x * 8, y * 8, z * 8, 3)
    elif kind == 8:
        w = fractal(x, y, z, 3) * 1.8 - 0.4
    elif kind == 9:
        column, row = int(math.floor(u * 18)), int(math.floor(v * 3))
        _random_color(out, column, row, 1)
        if u * 18 - column < 0.12:
            for q in range(3):
                out[q] *= 0.3
        return
    elif kind == 10:
        cx, cy = int(math.floor(u + 0.6 * noise(v, u, 3.0))), int(math.floor(v + 0.6 * noise(u, v, 9.0)))
        _random_color(out, cx, cy, 11)
        for q in range(3):
            out[q] = 0.5 * out[q] + 0.5 * m[1 + q]
        return
    elif kind == 11:
        row = int(math.floor(v * 9))
        ink = v * 9 - row > 0.45 and noise(u * 40, row * 7.0, 1.0) > 0.45 and fu > 0.08
        w = 1.0 if ink else 0.05
    elif kind == 12:
        w = abs(math.sin((x + y + z) * 2.0 + 5 * fractal(x, y, z, 4))) ** 3
    elif kind == 13:
        w = 0.9 if (fu - 0.5) ** 2 + (fv - 0.5) ** 2 < 0.08 else 0.05
    w = min(max(w, 0.0), 1.0)
    for q in range(3):
        out[q] = m[1 + q] * (1 - w) + m[4 + q] * w


@nb.njit(fastmath=True, cache=True)
def sky_color(env, dx, dy, dz, out):
    """Write the sky's radiance in a direction into ``out`` (3): a horizon-to-zenith gradient with clouds."""
    t = max(0.0, dz) ** 0.5
    for q in range(3):
        out[q] = env.horizon[q] * (1 - t) + env.zenith[q] * t
    if dz > 0.02 and env.clouds > 0:
        c = fractal(dx / dz * 1.3 + env.sun[0] * 9, dy / dz * 1.3 + env.sun[1] * 9, 0.5, 5)
        c = min(max((c - 0.45) * 5 * env.clouds, 0.0), 1.0) * min(1.0, dz * 6)
        for q in range(3):
            out[q] = out[q] * (1 - c) + c * 0.95
