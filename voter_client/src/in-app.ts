// Browsers inside other programs, which cannot make passkeys; a file of its own, because the first page asks before anything else.

const IN_APP =
  /FBAN|FBAV|FB_IAB|Instagram|Line\/|MicroMessenger|WhatsApp|Telegram|TikTok|musical_ly|VKAndroidApp|VKClient|OKApp|GSA\/|; wv\)/;

export function isInApp(agent: string): boolean {
  return IN_APP.test(agent);
}
