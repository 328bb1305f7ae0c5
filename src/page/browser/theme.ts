import {button} from './dom.ts';

const THEMES = ['auto', 'light', 'dark'] as const;
const SIGNS = {auto: '◑', light: '☀', dark: '☾'} as const;

let theme: (typeof THEMES)[number] = 'auto';

/** Light or dark as in the system's settings, or as chosen here. */
export function themeButton(): HTMLButtonElement {
  const own = button('', {class: 'plain', id: 'theme'}, () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    document.documentElement.dataset.theme = theme;
    say();
    dispatchEvent(new Event('themechange'));
  });
  const say = () => {
    own.textContent = SIGNS[theme];
    own.setAttribute('aria-label', `Colours: ${theme}`);
    own.title = `Colours: ${theme}`;
  };
  say();
  return own;
}
