"""A small path tracer: sun, sky, area lights, one diffuse or glossy bounce; exact z-depth and object ids.

Depth and ids are taken at pixel centres (integer coordinates), without anti-aliasing, so they are exact ground truth.
"""

import math
from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

from mfh_lab.pocket.world.bvh import Triangles, trace
from mfh_lab.pocket.world.textures import noise, sky_color, surface_color


class Environment(NamedTuple):
    """Light that does not come from the scene's own lamps.

    Attributes:
        sun: (3,) unit direction towards the sun.
        sun_color: (3,) radiance; zeros for no sun.
        horizon: (3,) sky at the horizon.
        zenith: (3,) sky overhead.
        clouds: 0 to 1.
        ambient: light added at the end of a path, in place of further bounces.
    """

    sun: NDArray[np.float32]
    sun_color: NDArray[np.float32]
    horizon: NDArray[np.float32]
    zenith: NDArray[np.float32]
    clouds: float
    ambient: float


class CameraPose(NamedTuple):
    """A pinhole camera in the world.

    Attributes:
        f_px: focal length.
        cx: principal point, pixels.
        cy: principal point, pixels.
        axes: (3, 3) rows are its x (right), y (down) and z (forward) axes.
        position: (3,) metres.
    """

    f_px: float
    cx: float
    cy: float
    axes: NDArray[np.float32]
    position: NDArray[np.float32]


class SceneArrays(NamedTuple):
    """Everything the kernel reads.

    Attributes:
        triangles: geometry with its hierarchy.
        normals: (n, 3, 3) corner normals; like all arrays here in the triangles' stored order.
        material: (n,) row of ``materials``.
        object_id: (n,) 0 is never used; see ``world``.
        materials: (m, COLUMNS) rows of ``textures``.
        lights: (l, 16) corner, edge 1, edge 2, colour, normal, area.
        environment: sun and sky.
    """

    triangles: Triangles
    normals: NDArray[np.float32]
    material: NDArray[np.int32]
    object_id: NDArray[np.int16]
    materials: NDArray[np.float32]
    lights: NDArray[np.float32]
    environment: Environment


@nb.njit(fastmath=True, cache=True)
def _direct_light(scene, px, py, pz, nx, ny, nz, out):
    """Write the light that reaches a point straight from the sun and one sampled lamp into ``out``."""
    env = scene.environment
    out[0] = out[1] = out[2] = 0.0
    if env.sun_color[0] > 0:
        lx = env.sun[0] + 0.03 * (np.random.random() - 0.5)
        ly = env.sun[1] + 0.03 * (np.random.random() - 0.5)
        lz = env.sun[2] + 0.03 * (np.random.random() - 0.5)
        c = nx * lx + ny * ly + nz * lz
        if c > 0:
            _, hit = trace(scene.triangles, px, py, pz, lx, ly, lz, 1e9, True)
            if hit < 0:
                for q in range(3):
                    out[q] += env.sun_color[q] * c
    lamps = len(scene.lights)
    if lamps == 0:
        return
    lamp = scene.lights[min(lamps - 1, int(np.random.random() * lamps))]
    a, b = np.random.random(), np.random.random()
    lx = lamp[0] + a * lamp[3] + b * lamp[6] - px
    ly = lamp[1] + a * lamp[4] + b * lamp[7] - py
    lz = lamp[2] + a * lamp[5] + b * lamp[8] - pz
    d2 = lx * lx + ly * ly + lz * lz
    d = math.sqrt(d2)
    lx, ly, lz = lx / d, ly / d, lz / d
    c = nx * lx + ny * ly + nz * lz
    if c <= 0:
        return
    _, hit = trace(scene.triangles, px, py, pz, lx, ly, lz, d * 0.999 - 0.02, True)
    if hit < 0:
        facing = abs(lamp[12] * lx + lamp[13] * ly + lamp[14] * lz)
        w = min(c * facing * lamp[15] / (math.pi * max(d2, 0.05)) * lamps, 6.0)
        for q in range(3):
            out[q] += lamp[9 + q] * w


@nb.njit(fastmath=True, cache=True)
def _shading_normal(scene, t, px, py, pz, dx, dy, dz, out):
    """Write the interpolated, bumped normal that faces the viewer at a point of triangle ``t`` into ``out``."""
    shape, n = scene.triangles.shape[t], scene.normals[t]
    e1, e2 = shape[3:6], shape[6:9]
    gx, gy, gz = e1[1] * e2[2] - e1[2] * e2[1], e1[2] * e2[0] - e1[0] * e2[2], e1[0] * e2[1] - e1[1] * e2[0]
    g2 = gx * gx + gy * gy + gz * gz + 1e-20
    wx, wy, wz = px - shape[0], py - shape[1], pz - shape[2]
    u = ((wy * e2[2] - wz * e2[1]) * gx + (wz * e2[0] - wx * e2[2]) * gy + (wx * e2[1] - wy * e2[0]) * gz) / g2
    v = ((e1[1] * wz - e1[2] * wy) * gx + (e1[2] * wx - e1[0] * wz) * gy + (e1[0] * wy - e1[1] * wx) * gz) / g2
    for k in range(3):
        out[k] = n[0, k] * (1 - u - v) + n[1, k] * u + n[2, k] * v
    m = scene.materials[scene.material[t]]
    if m[8] > 0:
        s = m[7] * 6
        out[0] += m[8] * (noise(px * s, py * s, pz * s) - 0.5)
        out[1] += m[8] * (noise(px * s + 31, py * s, pz * s) - 0.5)
        out[2] += m[8] * (noise(px * s, py * s + 57, pz * s) - 0.5)
    length = math.sqrt(out[0] ** 2 + out[1] ** 2 + out[2] ** 2) + 1e-9
    if out[0] * dx + out[1] * dy + out[2] * dz > 0:
        length = -length
    for k in range(3):
        out[k] /= length


@nb.njit(fastmath=True, cache=True)
def _bounce_light(scene, px, py, pz, ex, ey, ez, mirror, out):
    """Add the light arriving along a secondary ray to ``out``; ``mirror`` also sees lamps and bright sky."""
    env = scene.environment
    tint = np.zeros(3)
    t, hit = trace(scene.triangles, px, py, pz, ex, ey, ez, 1e9, False)
    if hit < 0:
        sky_color(env, ex, ey, ez, tint)
        for q in range(3):
            out[q] += tint[q]
        return
    m = scene.materials[scene.material[hit]]
    qx, qy, qz = px + ex * t, py + ey * t, pz + ez * t
    n = np.zeros(3)
    _shading_normal(scene, hit, qx, qy, qz, ex, ey, ez, n)
    surface_color(m, qx, qy, qz, n[0], n[1], n[2], tint)
    if m[10] > 0:
        # Lamps are sampled directly; counting them again on a diffuse bounce would light the room twice.
        if mirror or len(scene.lights) == 0:
            for q in range(3):
                out[q] += tint[q] * m[10]
        return
    light = np.zeros(3)
    _direct_light(scene, qx + n[0] * 2e-3, qy + n[1] * 2e-3, qz + n[2] * 2e-3, n[0], n[1], n[2], light)
    for q in range(3):
        out[q] += tint[q] * (light[q] + env.ambient * (env.horizon[q] * 0.5 + 0.5))


@nb.njit(fastmath=True, cache=True)
def _shade(scene, hit, px, py, pz, dx, dy, dz, radiance, albedo, normal):
    """Write radiance, albedo and normal of a first hit."""
    m = scene.materials[scene.material[hit]]
    _shading_normal(scene, hit, px, py, pz, dx, dy, dz, normal)
    nx, ny, nz = normal[0], normal[1], normal[2]
    surface_color(m, px, py, pz, nx, ny, nz, albedo)
    if m[10] > 0:
        for q in range(3):
            radiance[q] = albedo[q] * m[10]
        return
    px, py, pz = px + nx * 2e-3, py + ny * 2e-3, pz + nz * 2e-3
    facing = -(nx * dx + ny * dy + nz * dz)
    light = np.zeros(3)
    if m[9] > 0:
        fresnel = m[9] + (1 - m[9]) * (1 - facing) ** 5 * min(1.0, m[9] * 10)
        if np.random.random() < fresnel:
            ex, ey, ez = dx + 2 * facing * nx, dy + 2 * facing * ny, dz + 2 * facing * nz
            _bounce_light(scene, px, py, pz, ex, ey, ez, True, light)
            for q in range(3):
                radiance[q] = min(light[q], 3.0)
            return
    _direct_light(scene, px, py, pz, nx, ny, nz, light)
    turn, up = 2 * math.pi * np.random.random(), 2 * np.random.random() - 1
    r = math.sqrt(max(0.0, 1 - up * up))
    ex, ey, ez = nx + r * math.cos(turn), ny + r * math.sin(turn), nz + up
    length = math.sqrt(ex * ex + ey * ey + ez * ez) + 1e-9
    _bounce_light(scene, px, py, pz, ex / length, ey / length, ez / length, False, light)
    for q in range(3):
        radiance[q] = min(albedo[q] * light[q], 4.0)


@nb.njit(nogil=True, fastmath=True, cache=True)
def trace_image(scene, view, width, height, samples, seed):
    """Trace one image; one thread (scenes are rendered in parallel, not rows).

    Args:
        scene: ``SceneArrays``.
        view: ``CameraPose`` for this image size.
        width: pixels.
        height: pixels.
        samples: jittered paths per pixel.
        seed: random seed.

    Returns:
        radiance (h, w, 3), depth z (h, w) metres with 0 for sky, object id (h, w) with 0 for sky,
        albedo (h, w, 3), normal (h, w, 3); the last two are averages for the denoiser.
    """
    rgb = np.zeros((height, width, 3), np.float32)
    depth = np.zeros((height, width), np.float32)
    ids = np.zeros((height, width), np.int16)
    albedo = np.zeros((height, width, 3), np.float32)
    normal = np.zeros((height, width, 3), np.float32)
    r = view.axes
    for y in range(height):
        np.random.seed(seed + y * 7919)
        light, tint, n = np.zeros(3), np.zeros(3), np.zeros(3)
        for x in range(width):
            for s in range(samples + 1):
                # Sample 0 is the exact pixel centre: depth and ids only.
                jx, jy = (0.0, 0.0) if s == 0 else (np.random.random() - 0.5, np.random.random() - 0.5)
                a, b = (x + jx - view.cx) / view.f_px, (y + jy - view.cy) / view.f_px
                dx = r[0, 0] * a + r[1, 0] * b + r[2, 0]
                dy = r[0, 1] * a + r[1, 1] * b + r[2, 1]
                dz = r[0, 2] * a + r[1, 2] * b + r[2, 2]
                length = math.sqrt(dx * dx + dy * dy + dz * dz)
                dx, dy, dz = dx / length, dy / length, dz / length
                ox, oy, oz = view.position[0], view.position[1], view.position[2]
                t, hit = trace(scene.triangles, ox, oy, oz, dx, dy, dz, 1e9, False)
                if s == 0:
                    if hit >= 0:
                        depth[y, x] = t / length
                        ids[y, x] = scene.object_id[hit]
                    continue
                if hit < 0:
                    sky_color(scene.environment, dx, dy, dz, light)
                    for q in range(3):
                        rgb[y, x, q] += light[q]
                        albedo[y, x, q] += min(1.0, light[q])
                    continue
                _shade(scene, hit, ox + dx * t, oy + dy * t, oz + dz * t, dx, dy, dz, light, tint, n)
                for q in range(3):
                    rgb[y, x, q] += light[q]
                    albedo[y, x, q] += tint[q]
                    normal[y, x, q] += n[q]
    return rgb / samples, depth, ids, albedo / samples, normal / samples


@nb.njit(nogil=True, fastmath=True, cache=True)
def _smooth_once(irradiance, normal, depth, step):
    height, width = depth.shape
    out = np.empty_like(irradiance)
    for y in range(height):
        acc = np.zeros(3)
        for x in range(width):
            acc[:] = 0
            total = 0.0
            z = depth[y, x]
            for j in range(-2, 3):
                for i in range(-2, 3):
                    v, u = min(max(y + j * step, 0), height - 1), min(max(x + i * step, 0), width - 1)
                    dn = 0.0
                    for q in range(3):
                        dn += (normal[y, x, q] - normal[v, u, q]) ** 2
                    w = math.exp(-dn * 8 - abs(z - depth[v, u]) / (0.02 * z + 0.02) - (i * i + j * j) / 6.0)
                    total += w
                    for q in range(3):
                        acc[q] += w * irradiance[v, u, q]
            for q in range(3):
                out[y, x, q] = acc[q] / total
    return out


def denoise(
    rgb: NDArray[np.float32],
    albedo: NDArray[np.float32],
    normal: NDArray[np.float32],
    depth: NDArray[np.float32],
    *,
    iterations: int = 2,
) -> NDArray[np.float32]:
    """Smooth irradiance (radiance over albedo) with an edge-avoiding à-trous filter (Dammertz et al. 2010)."""
    irradiance = rgb / (albedo + np.float32(0.02))
    for k in range(iterations):
        irradiance = _smooth_once(irradiance, normal, depth, 1 << k)
    return (irradiance * (albedo + np.float32(0.02))).astype(np.float32)
