// Package dimse is the DICOM network: the upper layer protocol over TCP (PS3.8) and two services of DIMSE-C, C-ECHO and
// C-STORE (PS3.7), on both sides. [Server] is the provider (SCP), [Dial] and [Store] are the user (SCU).
//
// Every byte of a peer may be hostile. PDUs are bounded before anything is allocated, data sets grow as they arrive, and
// all that are on their way together have one bound. Each wait has an end. Logs and errors name no patient and no object.
package dimse
