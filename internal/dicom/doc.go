// Package dicom reads and writes DICOM data sets: the Part 10 files of PS3.10 and the encodings of PS3.5.
//
// Every byte that it reads may be hostile. Lengths are held against the bytes that are there before anything is
// allocated; depth, number and size are bounded by [Limits]. Values alias the bytes that were parsed.
//
// It knows nothing of pixels: package film makes a picture of a data set, and the packages below codec decode
// compressed frames.
package dicom
