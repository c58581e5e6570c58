"""What is wrong with a trained run, if anything, and what to try."""

from vaelab.doctor.base import Chart, Diagnosis, Finding, Severity, Try
from vaelab.doctor.examine import (
    DIAGNOSES,
    Examination,
    diagnose,
    examine,
    glance,
    measure,
    worst,
)
from vaelab.doctor.report import report

__all__ = [
    "DIAGNOSES",
    "Chart",
    "Diagnosis",
    "Examination",
    "Finding",
    "Severity",
    "Try",
    "diagnose",
    "examine",
    "glance",
    "measure",
    "report",
    "worst",
]
