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
