/** Elements without a framework and without HTML from strings: what a text contains stays text. */

export type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child): child is Node | string => typeof child === "string" || child instanceof Node));
  return element;
}

export function button(label: string, act: () => void, main = false): HTMLButtonElement {
  return el("button", { type: "button", class: main ? "main" : "", click: act }, label);
}

/** A file chooser under a label that looks like a button. */
export function fileButton(label: string, accept: string, act: (file: File) => void): HTMLElement {
  const id = `file-${Math.random().toString(36).slice(2)}`;
  const input = el("input", {
    type: "file",
    id,
    accept,
    class: "file",
    change: () => {
      const file = input.files?.[0];
      input.value = "";
      if (file !== undefined) act(file);
    },
  });
  return el("span", { class: "choose" }, input, el("label", { for: id, class: "button" }, label));
}

/** Hand a text to the person as a file. */
export function save(name: string, kind: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: kind }));
  el("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}
