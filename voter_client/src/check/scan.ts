/** QR codes from the camera or from a picture. Nothing leaves this page, and the camera stops as soon as it has read one. */

import decodeQR from "qr/decode.js";

const WIDEST = 1_000;
const EVERY_MS = 120;

/** Why there is no code. */
export class NoScan extends Error {
  constructor(readonly key: "no-camera" | "no-code" | "stopped") {
    super(key);
  }
}

function read(source: CanvasImageSource, width: number, height: number): string | undefined {
  const scale = Math.min(1, WIDEST / Math.max(width, height, 1));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return undefined;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  try {
    return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
  } catch {
    return undefined;
  }
}

/** The text of the QR code in a picture. Throws NoScan. */
export async function scanPicture(file: Blob): Promise<string> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    throw new NoScan("no-code");
  }
  const text = read(picture, picture.width, picture.height);
  picture.close();
  if (text === undefined) throw new NoScan("no-code");
  return text;
}

/** Show the camera in `video` until it sees a code or `stop` is aborted. Throws NoScan. */
export async function scanCamera(video: HTMLVideoElement, stop: AbortSignal): Promise<string> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
  } catch {
    throw new NoScan("no-camera");
  }
  video.srcObject = stream;
  try {
    await video.play();
    while (!stop.aborted) {
      const text = read(video, video.videoWidth, video.videoHeight);
      if (text !== undefined) return text;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
    throw new NoScan("stopped");
  } finally {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  }
}
