// JPEGs of the log to bitmaps. Their size is read before they are decoded: a few bytes can claim gigabytes.

const MOST_PIXELS = 50_000_000;

/** Decodes a JPEG; with `side`, no larger than that. */
export async function decodePicture(bytes, side = Infinity) {
  const { width, height } = jpegSize(bytes);
  if (width * height > MOST_PIXELS) throw new Error(`A picture of ${width}×${height} pixels is too large to show.`);
  const blob = new Blob([bytes], { type: "image/jpeg" });
  const shrink = Math.min(1, side / Math.max(width, height));
  if (shrink === 1) return createImageBitmap(blob);
  const size = {
    resizeWidth: Math.max(1, Math.round(width * shrink)),
    resizeHeight: Math.max(1, Math.round(height * shrink)),
  };
  return createImageBitmap(blob, { ...size, resizeQuality: "high" });
}

/** {width, height} from the frame header (the marker SOF) of a JPEG. */
export function jpegSize(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) throw new Error("A picture is no JPEG.");
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + ((bytes[at + 2] << 8) | bytes[at + 3])) {
    const marker = bytes[at + 1];
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: (bytes[at + 5] << 8) | bytes[at + 6], width: (bytes[at + 7] << 8) | bytes[at + 8] };
  }
  throw new Error("A picture is a damaged JPEG.");
}
