import {byStart, type Node} from './tree.ts';

/** Moves nodes to other parents; `settle` sorts the lists of children once, at the end. */
export class Moves {
  private readonly left = new Set<Node>();
  private readonly entered = new Set<Node>();

  move(node: Node, to: Node): void {
    if (node.parent === to) return;
    this.left.add(node.parent!);
    node.parent = to;
    to.children.push(node);
    this.entered.add(to);
  }

  settle(): void {
    for (const node of this.left) node.children = node.children.filter(child => child.parent === node);
    for (const node of this.entered) node.children.sort(byStart);
    this.left.clear();
    this.entered.clear();
  }
}
