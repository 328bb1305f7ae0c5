// In place of `string-width` for Ink: columns are counted as everywhere else, so that lines that fit here fit there.
import {withoutStyles} from '../src/text/style.ts';
import {width} from '../src/text/width.ts';

export default text => width(text.includes('\x1b') ? withoutStyles(text) : text);
