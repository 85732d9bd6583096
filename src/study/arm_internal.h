/* arm_internal.h - what keeping arms (arm.c) and asking for them (arm_ask.c) share. */
#ifndef STUDY_ARM_INTERNAL_H
#define STUDY_ARM_INTERNAL_H

#include "study/arm.h"

NODISCARD Status arm_alloc(Arm *a, int64_t questions, int64_t samples, Err *err);
/* Asks, reads, and writes the file; `of` is kept in its first line. */
NODISCARD Status arm_ask(const ArmOptions *o, TensorOps *ops, const char *of, Arm *out,
                         Err *err);

#endif
