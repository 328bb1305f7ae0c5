import {safe} from '../../text/safe.ts';

type Child = Node | string | null | readonly Child[];

/** Attributes that elements may get: none of them runs or loads anything. */
interface Marks {
  readonly class?: string;
  readonly id?: string;
  readonly role?: string;
  readonly title?: string;
  readonly type?: string;
  readonly for?: string;
  readonly tabindex?: string;
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly spellcheck?: string;
  readonly scope?: string;
  readonly hidden?: string;
  readonly [aria: `aria-${string}`]: string;
  readonly [data: `data-${string}`]: string;
}

/** An element. Its text and attributes are escaped as on a terminal; text never becomes markup. */
export function el<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  marks: Marks = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(marks)) element.setAttribute(name, safe(String(value)));
  add(element, children);
  return element;
}

function add(element: HTMLElement, children: readonly Child[]): void {
  for (const child of children) {
    if (typeof child === 'string') element.append(safe(child));
    else if (child instanceof Node) element.append(child);
    else if (child !== null) add(element, child);
  }
}

/** The title of the window, escaped too. */
export function nameWindow(title: string): void {
  document.title = safe(`${title} · agno-trace`);
}

const SVG = 'http://www.w3.org/2000/svg';

/** A part of a drawing. Its marks are names and numbers of ours; its text is escaped. */
export function svg(
  tag: string,
  marks: Readonly<Record<string, string | number>>,
  ...children: readonly (Node | string)[]
): Element {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(marks)) element.setAttribute(name, String(value));
  for (const child of children) element.append(typeof child === 'string' ? safe(child) : child);
  return element;
}

/** A text with its line breaks, escaped. */
export function pre(text: string, mark = 'text'): HTMLPreElement {
  const element = el('pre', {class: mark, tabindex: '0'});
  element.textContent = safe(text, {multiline: true});
  return element;
}

export function button(label: string, marks: Marks, onClick: () => void): HTMLButtonElement {
  const element = el('button', {type: 'button', ...marks}, label);
  element.addEventListener('click', onClick);
  return element;
}

export function byId<Element extends HTMLElement>(id: string): Element {
  return document.getElementById(id) as Element;
}
