import type {DrawnRun} from './data.ts';
import {el} from './dom.ts';
import type {Stretch} from './stretch.ts';

/** The whole run in a strip, with the part that the waterfall shows; dragging over it selects that part. */
export class Overview {
  readonly box = el('div', {
    class: 'overview',
    'aria-hidden': 'true',
    title: 'drag to zoom, double-click for the whole run',
  });
  private readonly canvas = el('canvas');
  private readonly frame = el('div', {class: 'frame'});

  constructor(
    private readonly run: DrawnRun,
    zoom: (stretch: Stretch) => void,
  ) {
    this.box.append(this.canvas, this.frame);
    const whole = run.to - run.from;
    this.box.addEventListener('pointerdown', down => {
      const {left, width} = this.box.getBoundingClientRect();
      const at = (event: PointerEvent) => Math.max(0, Math.min(whole, ((event.clientX - left) / width) * whole));
      const start = at(down);
      const move = (event: PointerEvent) => {
        const [from, to] = [start, at(event)].sort((a, b) => a - b) as [number, number];
        if (to - from > whole / 500) zoom({from, to});
      };
      const end = () => {
        removeEventListener('pointermove', move);
        removeEventListener('pointerup', end);
      };
      down.preventDefault();
      addEventListener('pointermove', move);
      addEventListener('pointerup', end);
    });
    this.box.addEventListener('dblclick', () => zoom({from: 0, to: whole}));
  }

  /** What the waterfall shows now. */
  show({from, to}: Stretch): void {
    const whole = this.run.to - this.run.from;
    this.frame.style.left = `${(100 * from) / whole}%`;
    this.frame.style.width = `${(100 * (to - from)) / whole}%`;
    this.frame.classList.toggle('whole', from <= 0 && to >= whole);
  }

  draw(): void {
    const {clientWidth: width, clientHeight: height} = this.box;
    const drawing = this.canvas.getContext?.('2d');
    if (!drawing || width === 0) return;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    drawing.scale(scale, scale);
    const {rows, from, to} = this.run;
    const whole = to - from;
    const colours = new Map<string, string>();
    const colourOf = (name: string) => {
      const known = colours.get(name) ?? this.colourOf(name);
      colours.set(name, known);
      return known;
    };
    const line = Math.max(1, Math.min(6, (height - 4) / rows.length));
    for (const row of rows) {
      if (row.barFrom === null || row.surroundings) continue;
      const end = row.open ? whole : (row.barTo ?? row.barFrom);
      const isBad = row.state === 'error' || row.state === 'cancelled';
      drawing.fillStyle = colourOf(isBad ? 'bad' : `k-${row.kind}`);
      const top = 2 + (row.at / rows.length) * (height - 4);
      drawing.fillRect(
        (row.barFrom / whole) * width,
        top,
        Math.max(1, ((end - row.barFrom) / whole) * width),
        Math.max(1, line - 0.5),
      );
    }
  }
  /** The style sheet defines the colours of kinds: read from an element that has one. */
  private colourOf(name: string): string {
    const probe = el('i', {class: `colour ${name}`});
    this.box.append(probe);
    const {color} = getComputedStyle(probe);
    probe.remove();
    return color;
  }
}
