/** Notes of a reader for the user, until they are taken. */
export class Notices {
  private texts: string[] = [];
  private readonly said = new Set<string>();

  say(text: string): void {
    this.texts.push(text);
  }

  /** Adds a note that is worth saying only once. */
  sayOnce(text: string): void {
    if (!this.said.has(text)) this.say(text);
    this.said.add(text);
  }

  take(): string[] {
    return this.texts.splice(0);
  }
}
