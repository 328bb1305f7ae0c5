import {formatJson, type Json, parseJson} from './json.ts';

/**
 * A result in one line: JSON without line breaks and escapes; for a retrieval the number of documents; for other text
 * the first line (the caller cuts it).
 */
export function resultText(output: string): string {
  const text = output.trim();
  if (!/^[[{"]/.test(text)) return text;
  const parsed = parseJson(text);
  // A shortened text lacks its middle, so its beginning is shown.
  if (parsed === null || parsed.problems.some(problem => /cut off|after its end|not valid/.test(problem)))
    return isDocumentList(parsed?.value) ? 'documents' : unescaped(text);
  const {value} = parsed;
  if (isDocumentList(value)) return `${value.length} ${value.length === 1 ? 'document' : 'documents'}`;
  // Agno's own runs answer in words: a string is shown without quotes.
  return typeof value === 'string' ? value : formatJson(value, 0);
}

/** The form in which Agno gives a model the documents that it found: `[{"content", "meta_data", "name"}, …]`. */
function isDocumentList(value: Json | undefined): value is Json[] {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every(
      item =>
        item !== null &&
        typeof item === 'object' &&
        !Array.isArray(item) &&
        typeof item.content === 'string' &&
        ('meta_data' in item || 'name' in item),
    )
  );
}

function unescaped(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
