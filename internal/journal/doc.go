// Package journal keeps a log of answers that nothing is taken out of unseen: each record has the hash of the one before, and is
// on disk before its answer is sent. From a record, the picture and the model, [Compare] tells whether the answer comes out again
// bit for bit. docs/AUDIT.md says what the log promises and what it does not.
//
// A journal is a directory of segments, files of lines. Each line is one JSON object, as [Record] is encoded, whose last member is
// the SHA-256 of the object without that member.
package journal
