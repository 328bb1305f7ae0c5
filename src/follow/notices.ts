/** What a reader has to say besides spans, until it is taken. */
export class Notices {
  private texts: string[] = [];
  private readonly said = new Set<string>();

  say(text: string): void {
    this.texts.push(text);
  }

  /** Says something that stays true only the first time. */
  sayOnce(text: string): void {
    if (!this.said.has(text)) this.say(text);
    this.said.add(text);
  }

  take(): string[] {
    return this.texts.splice(0);
  }
}
