# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Everything that a script needs to work with the lab; the variable LAB names which one.
LAB_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=tools/lab/names.sh
. "$LAB_FOLDER/names.sh"
# shellcheck source=tools/lab/processes.sh
. "$LAB_FOLDER/processes.sh"
# shellcheck source=tools/lab/network.sh
. "$LAB_FOLDER/network.sh"
# shellcheck source=tools/lab/files.sh
. "$LAB_FOLDER/files.sh"
# shellcheck source=tools/lab/services.sh
. "$LAB_FOLDER/services.sh"
# shellcheck source=tools/lab/machine.sh
. "$LAB_FOLDER/machine.sh"
# shellcheck source=tools/lab/measure.sh
. "$LAB_FOLDER/measure.sh"
# shellcheck source=tools/lab/observe.sh
. "$LAB_FOLDER/observe.sh"
# shellcheck source=tools/lab/witness.sh
. "$LAB_FOLDER/witness.sh"
# shellcheck source=tools/lab/endpoint.sh
. "$LAB_FOLDER/endpoint.sh"
# shellcheck source=tools/lab/failover.sh
. "$LAB_FOLDER/failover.sh"
