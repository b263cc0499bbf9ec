// Package dicomweb has the two sides of STOW-RS, the store transaction of PS3.18, 10.5: what a server reads and answers, and a
// client.
package dicomweb

// MediaType is the media type of a DICOM file, JSON that of an answer.
const (
	MediaType = "application/dicom"
	JSON      = "application/dicom+json"
	related   = "multipart/related"
)
