// SPDX-License-Identifier: MIT
// Prints the records of an Avro file by avsc, one a line: avro_commit.js FILE [SCHEMA].
const avsc = require('avsc');
const fs = require('fs');

const options = process.argv[3] ? { readerSchema: JSON.parse(fs.readFileSync(process.argv[3], 'utf8')) } : {};
avsc
  .createFileDecoder(process.argv[2], options)
  .on('data', (record) => console.log(JSON.stringify({ ...record, data: record.data && record.data.toString('latin1') })))
  .on('error', (error) => {
    console.error(error);
    process.exit(1);
  });
