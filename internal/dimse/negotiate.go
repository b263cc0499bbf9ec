package dimse

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/spikeray/spikeray/internal/dicom"
)

// TransferSyntaxes are all that internal/dicom reads, those that cost least to read and lose nothing first.
func TransferSyntaxes() []string {
	return []string{
		dicom.ExplicitLittleEndian, dicom.ImplicitLittleEndian, dicom.JPEGLosslessSV1, dicom.JPEGLossless, dicom.JPEGLSLossless,
		dicom.RLELossless, dicom.JPEG2000Lossless, dicom.ExplicitBigEndian, dicom.DeflatedLittleEndian,
		dicom.JPEGLSNearLossless, dicom.JPEG2000, dicom.JPEGExtended, dicom.JPEGBaseline,
	}
}

// storageRoot begins the UIDs of the standard's storage classes (PS3.4, B.5).
const storageRoot = "1.2.840.10008.5.1.4.1.1."

func (s *Server) storage(class string) bool {
	return strings.HasPrefix(class, storageRoot) || slices.Contains(s.StorageClasses, class)
}

// judge answers a request for an association: with an answer, or with why it is rejected.
func (s *Server) judge(request *associate, from netip.Addr) (*associate, error) {
	switch {
	case request.version&protocolVersion == 0:
		return nil, &RejectedError{rejectedPermanent, sourceACSE, acseVersion}
	case request.application != dicom.ApplicationContext:
		return nil, &RejectedError{rejectedPermanent, sourceUser, userApplication}
	case s.AETitle != "" && request.called != s.AETitle:
		return nil, &RejectedError{rejectedPermanent, sourceUser, userCalled}
	case !s.mayCall(request.calling, from):
		return nil, &RejectedError{rejectedPermanent, sourceUser, userCalling}
	}
	answer := &associate{
		called: request.called, calling: request.calling, application: dicom.ApplicationContext, maxLength: s.Limits.PDU,
		class: dicom.ImplementationUID, release: dicom.ImplementationName, operations: request.operations,
	}
	for _, p := range request.presentations {
		answer.presentations = append(answer.presentations, s.choose(p))
	}
	for _, r := range request.roles {
		if s.storage(r.class) || r.class == dicom.Verification {
			answer.roles = append(answer.roles, role{class: r.class, scu: r.scu & 1}) // the provider is this side
		}
	}
	return answer, nil
}

func (s *Server) mayCall(title string, from netip.Addr) bool {
	if len(s.Callers) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Callers, func(c Caller) bool {
		return (c.AETitle == "" || c.AETitle == title) &&
			(len(c.From) == 0 || slices.ContainsFunc(c.From, func(p netip.Prefix) bool { return p.Contains(from) }))
	})
}

// choose answers a presentation context. One that is not accepted has to name a transfer syntax too, which has no meaning
// (PS3.8, 9.3.3.2).
func (s *Server) choose(p presentation) presentation {
	answer := presentation{id: p.id, result: contextAbstractUnsupported, syntaxes: []string{dicom.ImplicitLittleEndian}}
	among := s.TransferSyntaxes
	switch {
	case p.abstract == dicom.Verification:
		among = nativeSyntaxes // a C-ECHO has no data set
	case !s.storage(p.abstract):
		return answer
	}
	answer.result = contextSyntaxUnsupported
	for _, syntax := range among {
		if slices.Contains(p.syntaxes, syntax) {
			answer.result, answer.syntaxes, answer.abstract = contextAccepted, []string{syntax}, p.abstract
			break
		}
	}
	return answer
}

// rejection is the PDU for an error of judge.
func rejection(e *RejectedError) []byte {
	return appendPDU(nil, pduAssociateRJ, []byte{0, e.Result, e.Source, e.Reason})
}
