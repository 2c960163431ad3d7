/* machine.c: the limits of the machine, as the backend measures them. */
#include "program/program.h"

tn_status tn_machine_limits(tn_context *context, tn_machine *machine)
{
    return backend_cpu.limits(context, &machine->flops, &machine->bytes, base_context_begin(context));
}
