// QR codes as one SVG path; the library's own SVG would need HTML from a string.

import encodeQR from "qr";

const BORDER = 4;

/** The dark squares of a text's code. */
export function draw(text: string): { readonly d: string; readonly size: number } {
  const rows = encodeQR(text, "raw", { ecc: "medium", border: BORDER });
  let d = "";
  for (const [y, row] of rows.entries()) {
    for (const [x, dark] of row.entries()) if (dark) d += `M${x} ${y}h1v1h-1z`;
  }
  return { d, size: rows.length };
}
