// Label maps of superpixels: grey PNG of 8 or 16 bits. A canvas would round 16 bits to 8, so they are read here.

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const MOST_SIDE = 4096;

/** Decodes a grey PNG without interlacing to {width, height, labels}, labels (height · width) uint16. */
export async function decodeLabels(bytes) {
  const { width, height, depth, data } = readChunks(bytes);
  const stride = (width * depth) / 8;
  const size = height * (stride + 1);
  return { width, height, labels: join(unfilter(await inflate(data, size), height, stride, depth / 8), depth) };
}

function readChunks(bytes) {
  if (!SIGNATURE.every((value, index) => bytes[index] === value)) throw new Error("A label map is no PNG.");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = { width: view.getUint32(16), height: view.getUint32(20), depth: bytes[24] };
  const plain = bytes[25] === 0 && bytes[28] === 0 && (header.depth === 8 || header.depth === 16);
  if (!plain || !header.width || !header.height || Math.max(header.width, header.height) > MOST_SIDE)
    throw new Error("A label map is no grey PNG of 8 or 16 bits and at most 4096 pixels a side.");
  const data = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") data.push(bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  return { ...header, data };
}

async function inflate(chunks, size) {
  const reader = new Blob(chunks).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const rows = new Uint8Array(size);
  let filled = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    if (filled + part.value.length > size) throw new Error("A label map holds more than its size says.");
    rows.set(part.value, filled);
    filled += part.value.length;
  }
  if (filled !== size) throw new Error("A label map is truncated.");
  return rows;
}

/** Undoes the filters of PNG: each byte was stored as the difference to its neighbours. */
function unfilter(rows, height, stride, step) {
  const out = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)];
    for (let x = 0; x < stride; x++) {
      const here = y * stride + x;
      const left = x >= step ? out[here - step] : 0;
      const up = y ? out[here - stride] : 0;
      const corner = y && x >= step ? out[here - stride - step] : 0;
      out[here] = rows[y * (stride + 1) + 1 + x] + guess(filter, left, up, corner);
    }
  }
  return out;
}

function guess(filter, left, up, corner) {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  return filter === 4 ? nearest(left, up, corner) : 0;
}

function nearest(left, up, corner) {
  const toLeft = Math.abs(up - corner),
    toUp = Math.abs(left - corner),
    toCorner = Math.abs(left + up - 2 * corner);
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function join(bytes, depth) {
  if (depth === 8) return Uint16Array.from(bytes);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, index) => (bytes[2 * index] << 8) | bytes[2 * index + 1]);
}
