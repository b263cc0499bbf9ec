package api

import "github.com/spikeray/spikeray/internal/dimse"

// StoreStatus is the status of a C-STORE whose object [Server.Take] answered with err, and a comment without patient data (PS3.4,
// B.2.3 and PS3.7, C).
func StoreStatus(err error) (dimse.Status, string) {
	if err == nil {
		return dimse.Success, ""
	}
	k, _ := problemOf(err)
	switch {
	case Temporary(err):
		return dimse.OutOfResources, "try again later"
	case k == notARadiograph:
		return dimse.NotMatching, "not a radiograph that is taken"
	case k == gateRefused:
		return dimse.NotMatching, "not of the kind that the model is for"
	case k == unsupportedFormat:
		return dimse.NotMatching, "transfer syntax or kind of object not supported"
	case k == notReportable:
		return dimse.NotMatching, "no report can be made of it"
	case k == notAPicture, k == sampleDepth:
		return dimse.CannotUnderstand, "damaged, or its pixels cannot be read"
	case k == tooLarge:
		return dimse.CannotUnderstand, "too large"
	}
	return dimse.ProcessingFailure, ""
}
