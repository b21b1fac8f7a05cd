// What one takes along: QR codes, codes, files.

import { useEffect, useState } from "preact/hooks";
import { later } from "../later";

/** A QR code, drawn as one path. */
export function Qr({ text, label }: { text: string; label: string }) {
  const [path, setPath] = useState<{ d: string; size: number } | null>(null);
  useEffect(() => {
    let gone = false;
    void later("qr", () => import("./qr")).then(({ draw }) => {
      if (!gone) setPath(draw(text));
    });
    return () => {
      gone = true;
    };
  }, [text]);
  if (path === null) return <p class="qr" aria-busy="true" />;
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${path.size} ${path.size}`} data-text={text}>
      <rect width={path.size} height={path.size} fill="#fff" />
      <path d={path.d} fill="#000" />
    </svg>
  );
}

/** Let the browser save a file that never was anywhere else. */
export function save(name: string, content: string): void {
  const url = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A code in groups of four, each group read as one word. */
export function Code({ code }: { code: string }) {
  return (
    <p class="code" translate={false}>
      {code.split("-").map((group, at) => (
        <span key={at}>{group}</span>
      ))}
    </p>
  );
}
