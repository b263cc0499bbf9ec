package film

import (
	"strconv"
	"time"

	"github.com/spikeray/spikeray/internal/dicom"
)

// oldest is the highest age that is believed.
const oldest = 130

// Age is the patient's age when the film was taken, in whole years: the age of the object, else that between the dates of
// birth and of the study. ok is false where neither is known.
func (f *Film) Age() (years int, ok bool) { return f.says.age, f.says.age >= 0 }

// age is -1 where it is unknown.
func age(d *dicom.Dataset) int {
	if years := ageString(d.String(dicom.PatientAge)); years >= 0 {
		return years
	}
	birth, err := time.Parse("20060102", d.String(dicom.PatientBirthDate))
	if err != nil {
		return -1
	}
	for _, tag := range []dicom.Tag{dicom.AcquisitionDate, dicom.ContentDate, dicom.StudyDate} {
		taken, err := time.Parse("20060102", d.String(tag))
		if err != nil {
			continue
		}
		years := taken.Year() - birth.Year()
		if taken.Month() < birth.Month() || taken.Month() == birth.Month() && taken.Day() < birth.Day() {
			years--
		}
		if years >= 0 && years <= oldest {
			return years
		}
	}
	return -1
}

// ageString reads an AS, such as 018M (PS3.5, 6.2). A number alone, which some programs write, is in years.
func ageString(s string) int {
	if s == "" {
		return -1
	}
	digits, unit := s[:len(s)-1], s[len(s)-1]
	if unit >= '0' && unit <= '9' {
		digits, unit = s, 'Y'
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 0 || len(digits) > 3 {
		return -1
	}
	switch unit {
	case 'D':
		n = n * 100 / 36525
	case 'W':
		n = n * 700 / 36525
	case 'M':
		n /= 12
	case 'Y':
	default:
		return -1
	}
	if n > oldest {
		return -1
	}
	return n
}
