"""Reads an animated GIF with Pillow. Prints as JSON its size and, for each frame, the delay in ms, a digest of the
picture, and the mean column of the pixels of a colour in the rows from `top` to `bottom` (null if there are none).

usage: pillow.py FILE COLOUR TOP BOTTOM, COLOUR as rrggbb
"""

import hashlib
import json
import sys

from PIL import Image

image = Image.open(sys.argv[1])
wanted = tuple(bytes.fromhex(sys.argv[2]))
top, bottom = int(sys.argv[3]), int(sys.argv[4])
frames = []
for number in range(image.n_frames):
    image.seek(number)
    shown = image.convert("RGB")
    band = shown.crop((0, top, shown.width, bottom))
    columns = [i % band.width for i, pixel in enumerate(band.getdata()) if pixel == wanted]
    frames.append({
        "delay": image.info["duration"],
        "digest": hashlib.sha256(shown.tobytes()).hexdigest(),
        "column": sum(columns) / len(columns) if columns else None,
    })
print(json.dumps({"size": image.size, "loop": image.info.get("loop"), "frames": frames}))
