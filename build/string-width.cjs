// In place of `string-width` where cli-table3 asks for it.
module.exports = require('../src/text/width.ts').width;
