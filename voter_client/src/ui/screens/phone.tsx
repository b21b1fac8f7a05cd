// A picture of a phone, where one is asked to confirm on it.

/** The phone and what it will ask for. */
export function Phone() {
  return (
    <svg class="phone" viewBox="24 4 48 88" aria-hidden="true">
      <rect x="26" y="6" width="44" height="84" rx="8" fill="#e8eef5" stroke="#14202b" stroke-width="3" />
      <circle cx="48" cy="44" r="13" fill="none" stroke="#0b4f9e" stroke-width="3" />
      <circle cx="43" cy="41" r="1.6" fill="#0b4f9e" />
      <circle cx="53" cy="41" r="1.6" fill="#0b4f9e" />
      <path d="M42 48q6 5 12 0" fill="none" stroke="#0b4f9e" stroke-width="2.5" />
      <path d="M38 70h20M44 78h8" stroke="#14202b" stroke-width="3" />
    </svg>
  );
}
