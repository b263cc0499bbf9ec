package radiograph

import "github.com/spikeray/spikeray/internal/dicom"

// isDICOM recognises a DICOM file.
func isDICOM(data []byte) bool { return dicom.Sniff(data) }
