// SPDX-License-Identifier: BSD-2-Clause
/* The table of commands, and what runs one of them. */
#include "hvsh.h"

#include <stdio.h>
#include <string.h>

#include "suggest.h"

#define END_OPTIONS  \
	{            \
		NULL \
	}
#define OPTION_JSON                                                        \
	{                                                                  \
		"json", '\0', NULL, NULL, "print JSON, for other programs" \
	}

#define OPTION_WATCH                                             \
	{                                                        \
		"watch", 'w', NULL, NULL,                        \
			"show it again when it changes, until q" \
	}

const struct option global_options[] = {
	{ "socket", 's', "PATH", NULL, "the daemon's socket" },
	{ "timeout", 't', "SECONDS", NULL,
	  "how long a request may take, 0: for ever (default: 120)" },
	{ "color", '\0', "WHEN", "auto|always|never", "use colours" },
	{ "version", 'V', NULL, NULL, "print hvsh's version and leave" },
	{ "complete", '\0', NULL, NULL,
	  "print what may follow the words given, for shells" },
	END_OPTIONS,
};

static const struct option no_options[] = {
	END_OPTIONS,
};

static const struct option json_options[] = {
	OPTION_JSON,
	END_OPTIONS,
};

static const struct option list_options[] = {
	{ "running", 'r', NULL, NULL, "only zones that are not shut off" },
	{ "all", 'a', NULL, NULL,
	  "changes nothing: all are shown; virsh users type it" },
	{ "title", '\0', NULL, NULL, "with their titles" },
	OPTION_WATCH,
	OPTION_JSON,
	END_OPTIONS,
};

static const struct option info_options[] = {
	OPTION_WATCH,
	OPTION_JSON,
	END_OPTIONS,
};

static const struct option start_options[] = {
	{ "console", 'c', NULL, NULL, "then open its console" },
	{ "paused", 'p', NULL, NULL, "do not let it run yet" },
	END_OPTIONS,
};

static const struct option shutdown_options[] = {
	{ "wait", 'w', NULL, NULL, "return when it is off" },
	{ "timeout", 't', "SECONDS", NULL,
	  "how long to wait for that (default: 120); implies --wait" },
	{ "force", 'f', NULL, NULL,
	  "destroy it if it is not off by then; implies --wait" },
	END_OPTIONS,
};

static const struct option dump_options[] = {
	{ "live", 'l', NULL, NULL, "do not pause it while memory is written" },
	{ "force", 'f', NULL, NULL, "replace a file that is there" },
	END_OPTIONS,
};

static const struct option screenshot_options[] = {
	{ "head", '\0', "N", NULL, "which screen (default: 0)" },
	{ "force", 'f', NULL, NULL, "replace a file that is there" },
	END_OPTIONS,
};

static const struct option vnc_options[] = {
	{ "head", '\0', "N", NULL, "which screen (default: 0)" },
	{ "viewer", 'v', NULL, NULL, "start a viewer" },
	END_OPTIONS,
};

static const struct option sendkey_options[] = {
	{ "hold", '\0', "MS", NULL,
	  "how long they are held, in milliseconds (default: 100)" },
	END_OPTIONS,
};

static const struct option console_options[] = {
	{ "device", 'd', "DEVICE", NULL,
	  "console0 (Linux: hvc0), uart0 (ttyAMA0), ..." },
	{ "force", 'f', NULL, NULL, "take over from another writer" },
	{ "readonly", 'r', NULL, NULL, "only look" },
	{ "from", '\0', "WHERE", "start|end",
	  "start: all that is kept; end: only what is new" },
	END_OPTIONS,
};

static const struct option events_options[] = {
	{ "since", '\0', "N", NULL, "also those after event number N" },
	OPTION_JSON,
	END_OPTIONS,
};

static const struct option create_options[] = {
	{ "vcpus", '\0', "N", NULL, "how many CPUs it has; needed" },
	{ "memory", '\0', "SIZE", NULL, "as in 512M or 2G; needed" },
	{ "kernel", '\0', "FILE", NULL, "the image to boot; needed" },
	{ "initrd", '\0', "FILE", NULL, "its initial RAM disk" },
	{ "cmdline", '\0', "TEXT", NULL, "the kernel's command line" },
	{ "disk", '\0', "PATH[,readonly][,queues=N]...", NULL,
	  "a disk: an image or a block device" },
	{ "net", '\0', "[BRIDGE][,user]...", NULL,
	  "a network device: on that bridge, or in user mode" },
	{ "autostart", '\0', NULL, NULL, "start it when the machine boots" },
	{ "start", '\0', NULL, NULL, "start it now" },
	{ "print", '\0', NULL, NULL, "print the definition, do no more" },
	END_OPTIONS,
};

static const struct option pin_options[] = {
	{ "live", '\0', NULL, NULL, "of the zone as it runs" },
	{ "config", '\0', NULL, NULL, "of its definition, for its next start" },
	END_OPTIONS,
};

static const struct option setvcpus_options[] = {
	{ "live", '\0', NULL, NULL, "of the zone as it runs" },
	{ "config", '\0', NULL, NULL, "of its definition, for its next start" },
	{ "maximum", '\0', NULL, NULL,
	  "not how many may be on, but how many there are; implies --config" },
	END_OPTIONS,
};

static const struct option setmem_options[] = {
	{ "config", '\0', NULL, NULL,
	  "changes nothing: it is always the definition; virsh users type it" },
	END_OPTIONS,
};

static const struct option autostart_options[] = {
	{ "disable", '\0', NULL, NULL, "do not, from now on" },
	END_OPTIONS,
};

static const struct option clone_options[] = {
	{ "uuid", '\0', "UUID", NULL, "the default is a fresh one" },
	{ "disk", '\0', "DEVICE=PATH...", NULL,
	  "what that disk of the new zone works on" },
	{ "forward", '\0', "DEVICE=PORTS...", NULL,
	  "its ports of zone0, as in net0=2223:22,udp:53:53; or DEVICE=none" },
	END_OPTIONS,
};

static const struct option describe_options[] = {
	{ "title", '\0', "TITLE", NULL, "a line; '' for none" },
	{ "text", '\0', "TEXT", NULL, "its description; '' for none" },
	END_OPTIONS,
};

static const struct option import_options[] = {
	{ "print", '\0', NULL, NULL, "print the definition, do no more" },
	END_OPTIONS,
};

static const struct option log_options[] = {
	{ "follow", 'f', NULL, NULL, "go on as it grows" },
	END_OPTIONS,
};

static const struct option top_options[] = {
	{ "interval", 'i', "SECONDS", NULL,
	  "how long between two looks (default: 2)" },
	{ "count", 'n', "N", NULL, "leave after N of them" },
	{ "sort", '\0', "KEY", "cpu|steal|exits|io|memory|name",
	  "what comes first (default: cpu)" },
	OPTION_JSON,
	END_OPTIONS,
};

static const struct option trace_options[] = {
	{ "output", 'o', "FILE", NULL, "where the picture goes; needed" },
	{ "seconds", 'n', "N", NULL, "how long (default: until Ctrl-C)" },
	{ "events", 'e', "CLASSES", NULL,
	  "only these, commas between: run, sched, irq, io, hypercall, state" },
	END_OPTIONS,
};

static const struct option doctor_options[] = {
	{ "root", '\0', "DIR", NULL,
	  "look for devices and modules under DIR in place of /" },
	OPTION_JSON,
	END_OPTIONS,
};

/* clang-format off: a table */
const struct command commands[] = {
	{ "list", "ls", GROUP_ZONES, OPERAND_NONE, 0, 0, list_options,
	  "show the zones",
	  "Those that are defined but shut off are shown too.", cmd_list },
	{ "info", "get", GROUP_ZONES, OPERAND_ZONE, 1, 1, info_options,
	  "show all about one zone", NULL, cmd_info },
	{ "start", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, start_options,
	  "start a zone", NULL, cmd_start },
	{ "run", NULL, GROUP_ZONES, OPERAND_FILE, 1, 1, start_options,
	  "start a zone from a JSON file without defining it",
	  "It is transient: gone when it ends. 'define' makes it persistent. FILE "
	  "- is standard input.",
	  cmd_run },
	{ "shutdown", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, shutdown_options,
	  "ask a zone to shut down",
	  "The guest decides. 'destroy' does not ask.", cmd_shutdown },
	{ "reboot", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, no_options,
	  "ask a zone to reboot", NULL, cmd_reboot },
	{ "reset", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, no_options,
	  "reboot a zone without asking it", NULL, cmd_reset },
	{ "destroy", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, no_options,
	  "stop a zone at once, as if unplugged",
	  "The definition stays. What the guest has not written is lost.",
	  cmd_destroy },
	{ "pause", "suspend", GROUP_ZONES, OPERAND_ZONE, 1, 1, no_options,
	  "stop a zone's CPUs for a while", NULL, cmd_pause },
	{ "resume", NULL, GROUP_ZONES, OPERAND_DEVICE, 1, 2, no_options,
	  "let a paused zone, or a paused disk of it, go on",
	  "A disk with \"on-error\": \"pause\" waits after an error until "
	  "somebody has seen to it.",
	  cmd_resume },
	{ "resize", NULL, GROUP_ZONES, OPERAND_DEVICE, 2, 2, no_options,
	  "tell a zone that a disk's image has another size",
	  "Make the image larger first: truncate -s SIZE IMAGE.", cmd_resize },
	{ "set", NULL, GROUP_ZONES, OPERAND_CHANGES, 3, POSITIONALS_MAX,
	  no_options, "change a device of a zone, also while it runs",
	  "Keys: link=up|down and mtu=BYTES of network devices, width=PIXELS "
	  "and height=PIXELS of a gpu, and limits.LIMIT=VALUE, as in limits.rx-bytes-sec=10M; the value none "
	  "lifts a limit. The definition changes, too. A new MTU reaches a "
	  "guest when its driver resets the device.",
	  cmd_set },
	{ "vcpupin", NULL, GROUP_ZONES, OPERAND_CPUS, 1, 3, pin_options,
	  "show on which CPUs a zone's vCPUs are, or send one to another",
	  "Without --live and --config a zone that runs is changed as it runs, "
	  "and of another one the definition.",
	  cmd_vcpupin },
	{ "setvcpus", NULL, GROUP_ZONES, OPERAND_COUNT, 2, 2, setvcpus_options,
	  "say how many of a zone's vCPUs may be on",
	  "Without --live and --config a zone that runs is changed as it runs, "
	  "and of another one the definition. The guest takes its CPUs online "
	  "and offline; one that is on stays until it does.",
	  cmd_setvcpus },
	{ "autostart", NULL, GROUP_ZONES, OPERAND_ZONE, 1, 1, autostart_options,
	  "let a zone start with the machine",
	  "'edit' says in which order, and how long to wait.", cmd_autostart },
	{ "setmem", NULL, GROUP_ZONES, OPERAND_MEMORY, 2, 2, setmem_options,
	  "give a zone more or less memory from its next start on",
	  "SIZE as in 512M or 2G. The memory of a zone that runs stays.",
	  cmd_setmem },

	{ "dump", NULL, GROUP_ZONES, OPERAND_ZONE_FILE, 2, 2, dump_options,
	  "write a zone's memory and registers to a core file",
	  "For debuggers, also of a zone that has crashed. The daemon writes the "
	  "file in zone0, for itself alone to read. A zone that runs is paused "
	  "meanwhile.",
	  cmd_dump },
	{ "jobs", NULL, GROUP_ZONES, OPERAND_NONE, 0, 0, info_options,
	  "show what is under way: what, since when, how far, who asked",
	  "A job is what takes a while: a start, the wait for a guest that is "
	  "to shut down, a destroy, a dump, a change of a device.",
	  cmd_jobs },
	{ "cancel", NULL, GROUP_ZONES, OPERAND_JOB, 1, 1, no_options,
	  "cancel a job",
	  "A start is undone, a dump's file removed. A zone that was asked to shut down or reboot "
	  "counts as running again.",
	  cmd_cancel },

	{ "define", NULL, GROUP_DEFINITIONS, OPERAND_FILE, 1, 1, no_options,
	  "create or change a zone from a JSON file",
	  "FILE - is standard input. A running zone keeps its present "
	  "configuration until it is started again.",
	  cmd_define },
	{ "create", NULL, GROUP_DEFINITIONS, OPERAND_NEW_ZONE, 1, 1,
	  create_options, "create a zone without writing JSON",
	  "Devices are made in the order given, after a console. A Linux writes to "
	  "that one with console=hvc0 in TEXT; without, see 'console -d uart0'. A "
	  "zone that exists is left alone.",
	  cmd_create },
	{ "import", NULL, GROUP_DEFINITIONS, OPERAND_FILES, 1, 2,
	  import_options, "create a zone of hvisor-tool's files",
	  "The first FILE is about the zone, the second about virtio devices. "
	  "What a definition cannot say is told on standard error. A zone that "
	  "exists is left alone.",
	  cmd_import },
	{ "edit", NULL, GROUP_DEFINITIONS, OPERAND_ZONE, 1, 1, no_options,
	  "change a zone's definition in an editor",
	  "The editor is $VISUAL or $EDITOR, else editor or vi. The daemon "
	  "checks what was written; after an error it can be edited again. If "
	  "somebody else has changed the definition meanwhile, nothing is "
	  "overwritten.",
	  cmd_edit },
	{ "diff", NULL, GROUP_DEFINITIONS, OPERAND_ZONE_FILE, 1, 2, no_options,
	  "show what the next start, or a file, would change",
	  "Compares the running configuration with the definition, or the "
	  "definition with FILE; of both all members, as 'dumpdef' prints them. "
	  "The exit status is 5 if there is a difference.",
	  cmd_diff },
	{ "rename", "domrename", GROUP_DEFINITIONS, OPERAND_TWO_NAMES, 2, 2,
	  no_options, "give a zone that is shut off another name",
	  "Its uuid and its network addresses stay.", cmd_rename },
	{ "clone", NULL, GROUP_DEFINITIONS, OPERAND_TWO_NAMES, 2, 2,
	  clone_options, "define a zone like another",
	  "With a uuid and network addresses of its own, and without "
	  "autostart. Images are not copied: name a copy with --disk for each "
	  "disk that is not read-only.",
	  cmd_clone },
	{ "describe", "desc", GROUP_DEFINITIONS, OPERAND_ZONE, 1, 1,
	  describe_options, "give a zone a title or a description",
	  "Also while it runs. 'info' shows them, and 'list --title'.",
	  cmd_describe },
	{ "undefine", NULL, GROUP_DEFINITIONS, OPERAND_ZONE, 1, 1, no_options,
	  "delete a zone's definition",
	  "A zone that runs goes on as a transient one: it is gone when it "
	  "ends.",
	  cmd_undefine },
	{ "dumpdef", NULL, GROUP_DEFINITIONS, OPERAND_ZONE, 1, 1, no_options,
	  "print a zone's definition as JSON", NULL, cmd_dumpdef },

	{ "console", NULL, GROUP_CONSOLES, OPERAND_ZONE, 1, 1, console_options,
	  "open a zone's console; Ctrl-] leaves it",
	  "Shows first what was missed since it was last left. If standard "
	  "input is not a terminal, it is copied to the console, and the "
	  "console is shown until the zone stops. If it stays blank, try -d uart0: "
	  "a Linux needs console=hvc0 on its command line to write to console0.",
	  cmd_console },
	{ "display", NULL, GROUP_CONSOLES, OPERAND_ZONE, 1, 1, json_options,
	  "show what a zone's screens show, and where",
	  "Of a zone with a gpu that runs.", cmd_display },
	{ "vnc", "vncdisplay", GROUP_CONSOLES, OPERAND_ZONE, 1, 1, vnc_options,
	  "tell how to see a zone's screen, or start a viewer",
	  "Viewers are vncviewer, gvncviewer and remote-viewer, whichever is "
	  "there.",
	  cmd_vnc },
	{ "screenshot", NULL, GROUP_CONSOLES, OPERAND_ZONE_FILE, 2, 2,
	  screenshot_options, "write what a zone's screen shows to a PNG file",
	  "The daemon writes the file in zone0, for itself alone to read.",
	  cmd_screenshot },
	{ "sendkey", "send-key", GROUP_CONSOLES, OPERAND_KEYS, 2,
	  POSITIONALS_MAX, sendkey_options, "press keys of a zone's keyboard",
	  "All at once, as in 'sendkey NAME ctrl alt del'; then they are let go "
	  "of. KEY is a name with or without KEY_, whatever the case, or the "
	  "code of one.",
	  cmd_sendkey },

	{ "host", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, json_options,
	  "show the machine and the hypervisor", NULL, cmd_host },
	{ "counters", NULL, GROUP_HOST, OPERAND_ANY_DEVICE, 0, 2, json_options,
	  "show counters of the host, a zone or a device",
	  "Those of a device begin anew with each I/O process.", cmd_counters },
	{ "top", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, top_options,
	  "show what zones do, again and again",
	  "CPU and steal time in per cent of one CPU, exits and their main "
	  "reasons, requests and packets of disks and network devices. Keys: q "
	  "leaves; c, s, e, i, m and n sort by CPU, steal, exits, I/O, memory "
	  "and name. Without a terminal it prints a table each time; with "
	  "--json a line.",
	  cmd_top },
	{ "log", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, log_options,
	  "print the hypervisor's log", NULL, cmd_log },
	{ "log-level", NULL, GROUP_HOST, OPERAND_LEVEL, 0, 1, no_options,
	  "show, or set, what the daemon logs",
	  "LEVEL is error, warning, info or debug, and holds until the daemon "
	  "ends.",
	  cmd_log_level },
	{ "events", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, events_options,
	  "print events as they happen", "Ctrl-C ends it.", cmd_events },
	{ "trace", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, trace_options,
	  "draw what the CPUs of zones do, and why",
	  "FILE is for ui.perfetto.dev or chrome://tracing. Zones are shown as "
	  "processes, vCPUs as threads: when each ran in its guest, why it left "
	  "it, waited or was ready; interrupts, doorbells, hypercalls. What was "
	  "lost, as nobody read it in time, is shown, too: fewer classes of "
	  "events lose less.",
	  cmd_trace },
	{ "doctor", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, doctor_options,
	  "look whether zones can run here, and say how to mend what is wrong",
	  "Works without the daemon, too. Exit status 0: all is well, but for "
	  "notes of what only some zones need.",
	  cmd_doctor },
	{ "version", NULL, GROUP_HOST, OPERAND_NONE, 0, 0, json_options,
	  "show the versions of all parts", NULL, cmd_version },

	{ "help", "?", GROUP_SHELL, OPERAND_COMMAND, 0, 1, no_options,
	  "explain a command, or list them", NULL, cmd_help },
	{ "quit", "exit", GROUP_SHELL, OPERAND_NONE, 0, 0, no_options,
	  "leave the interactive shell", NULL, cmd_quit },
	{ .name = NULL },
};
/* clang-format on */

const struct command *command_find(const char *name)
{
	const struct command *command;

	for (command = commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0 ||
		    (command->alias != NULL &&
		     strcmp(command->alias, name) == 0)) {
			return command;
		}
	}
	return NULL;
}

/* What other tools call it, and users try. */
static const char *other_tools_word(const char *name)
{
	static const struct {
		const char *name;
		const char *hint;
	} words[] = {
		{ "stop", "'shutdown' asks the guest, 'destroy' does not" },
		{ "poweroff", "'shutdown' asks the guest, 'destroy' does not" },
		{ "kill", "'destroy' stops a zone without asking it" },
		{ "restart", "'reboot' asks the guest, 'reset' does not" },
		{ "delete", "'undefine' deletes a zone's definition" },
		{ "remove", "'undefine' deletes a zone's definition" },
		{ "dumpxml", "'dumpdef' prints a zone's definition" },
		{ "virt-clone", "did you mean 'clone'?" },
		{ "dominfo", "did you mean 'info'?" },
		{ "domstate", "'list' shows the states of all zones" },
		{ "domid", "'info' shows a zone's id and uuid" },
		{ "domuuid", "'info' shows a zone's id and uuid" },
		{ "domname", "'list' shows names and ids" },
		{ "domstats", "'counters' shows what a zone did" },
		{ "domblkstat", "'counters' shows what a device did" },
		{ "domifstat", "'counters' shows what a device did" },
		{ "domdisplay", "did you mean 'vnc'?" },
		{ "vncviewer", "'vnc --viewer' starts a viewer" },
		{ "ttyconsole", "'console' opens a zone's console" },
		{ "domjobinfo", "did you mean 'jobs'?" },
		{ "domjobabort", "did you mean 'cancel'?" },
		{ "blockresize", "did you mean 'resize'?" },
		{ "uptime", "'host' shows it" },
		{ "trigger", "'reset' and 'shutdown' are what it does" },
		{ "capabilities", "did you mean 'host'?" },
		{ "show", "'info' shows a zone" },
		{ "config", "'info' shows a zone, 'edit' changes it" },
		{ "unpause", "did you mean 'resume'?" },
		{ "launch", "'create --start' makes a zone and starts it" },
		{ "vcpu-set", "did you mean 'setvcpus'?" },
		{ "vcpu-pin", "did you mean 'vcpupin'?" },
		{ "vcpu-list", "'vcpupin' shows where vCPUs are" },
		{ "vcpuinfo", "'vcpupin' shows where vCPUs are" },
		{ "vcpucount", "'info' shows how many there are" },
		{ "mem-set", "did you mean 'setmem'?" },
		{ "nodeinfo", "did you mean 'host'?" },
		{ "dmesg", "'log' prints the hypervisor's log" },
		{ "copy", "did you mean 'clone'?" },
		{ "mv", "did you mean 'rename'?" },
		{ "rm", "'undefine' deletes a zone's definition" },
		{ "domblklist", "'info' shows a zone's devices" },
		{ "domiflist", "'info' shows a zone's devices" },
		{ "attach-disk", "'edit' adds it, from the next start on" },
		{ "attach-interface",
		  "'edit' adds it, from the next start on" },
		{ "block-attach", "'edit' adds it, from the next start on" },
		{ "detach-disk",
		  "'edit' takes it away from the next start on" },
		{ "exec", "'console' is the way into a zone" },
		{ "crash", "'dump' writes a core file of a zone" },
		{ "save", "zones cannot be saved; 'pause' stops one" },
		{ "managedsave", "zones cannot be saved; 'pause' stops one" },
		{ "migrate", "zones stay on their machine" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].name, name) == 0) {
			return words[i].hint;
		}
	}
	return NULL;
}

void command_unknown(const char *name)
{
	const char *known = other_tools_word(name);
	const struct command *command;
	struct suggest near;

	suggest_start(&near, name);
	for (command = commands; command->name != NULL; command++) {
		suggest_offer(&near, command->name);
		if (command->alias != NULL) {
			suggest_offer(&near, command->alias);
		}
	}
	complain("unknown command '%s'", name);
	if (known != NULL) {
		hint("%s", known);
	} else if (suggest_best(&near) != NULL) {
		hint("did you mean '%s'?", suggest_best(&near));
	} else {
		hint("'hvsh help' lists the commands");
	}
}

const char *group_title(enum group group)
{
	static const char *const titles[GROUP_COUNT] = {
		[GROUP_ZONES] = "Zones",
		[GROUP_DEFINITIONS] = "Definitions",
		[GROUP_CONSOLES] = "Consoles",
		[GROUP_HOST] = "Host",
		[GROUP_SHELL] = "Shell",
	};

	return titles[group];
}

static const char *operand_name(enum operand operand)
{
	static const char *const names[] = {
		[OPERAND_NONE] = "",
		[OPERAND_ZONE] = "NAME",
		[OPERAND_NEW_ZONE] = "NAME",
		[OPERAND_CPUS] = "NAME",
		[OPERAND_COUNT] = "NAME N",
		[OPERAND_MEMORY] = "NAME SIZE",
		[OPERAND_TWO_NAMES] = "NAME NEW-NAME",
		[OPERAND_DEVICE] = "NAME DEVICE",
		[OPERAND_ANY_DEVICE] = "NAME DEVICE",
		[OPERAND_CHANGES] = "NAME DEVICE KEY=VALUE...",
		[OPERAND_FILE] = "FILE",
		[OPERAND_FILES] = "FILE",
		[OPERAND_ZONE_FILE] = "NAME",
		[OPERAND_COMMAND] = "COMMAND",
		[OPERAND_LEVEL] = "LEVEL",
		[OPERAND_JOB] = "JOB",
		[OPERAND_KEYS] = "NAME KEY...",
	};

	return names[operand];
}

static const char *operand_usage(const struct command *command)
{
	static char text[32];

	if (command->operand == OPERAND_DEVICE) {
		return command->operand_min == 2 ? " NAME DEVICE"
						 : " NAME [DEVICE]";
	}
	if (command->operand == OPERAND_FILES) {
		return " FILE [FILE]";
	}
	if (command->operand == OPERAND_ZONE_FILE) {
		return command->operand_min == 2 ? " NAME FILE"
						 : " NAME [FILE]";
	}
	if (command->operand == OPERAND_CPUS) {
		return " NAME [VCPU [CPU]]";
	}
	if (command->operand == OPERAND_ANY_DEVICE) {
		return " [NAME [DEVICE]]";
	}
	if (command->operand == OPERAND_CHANGES) {
		return " NAME DEVICE KEY=VALUE...";
	}
	if (command->operand == OPERAND_KEYS) {
		return " NAME KEY...";
	}
	if (command->operand_max == 0) {
		return "";
	}
	snprintf(text, sizeof(text), command->operand_min > 0 ? " %s" : " [%s]",
		 operand_name(command->operand));
	return text;
}

void command_usage(const struct command *command, char *buf, size_t size)
{
	const struct option *option;
	int len = snprintf(buf, size, "%s", command->name);

	for (option = command->options; option->name != NULL; option++) {
		if (len < 0 || (size_t)len >= size) {
			return;
		}
		len += snprintf(buf + len, size - (size_t)len, " [--%s%s%s]",
				option->name, option->value != NULL ? " " : "",
				option->words != NULL	? option->words
				: option->value != NULL ? option->value
							: "");
	}
	if (len >= 0 && (size_t)len < size) {
		snprintf(buf + len, size - (size_t)len, "%s",
			 operand_usage(command));
	}
}

static int usage_error(const struct command *command, const char *text)
{
	char usage[USAGE_MAX];

	complain("%s: %s", command->name, text);
	command_usage(command, usage, sizeof(usage));
	hint("usage: hvsh %s", usage);
	return EXIT_USAGE;
}

static const char *missing_operand(const struct command *command, size_t given)
{
	static const char *const names[] = { "NAME", "DEVICE", "KEY=VALUE" };

	if (command->operand == OPERAND_ZONE_FILE) {
		return given == 0 ? "NAME" : "FILE";
	}
	if (command->operand == OPERAND_KEYS) {
		return given == 0 ? "NAME" : "KEY";
	}
	if (command->operand == OPERAND_TWO_NAMES) {
		return given == 0 ? "NAME" : "NEW-NAME";
	}
	if (command->operand == OPERAND_COUNT) {
		return given == 0 ? "NAME" : "N";
	}
	if (command->operand == OPERAND_MEMORY) {
		return given == 0 ? "NAME" : "SIZE";
	}
	return command->operand == OPERAND_DEVICE ||
			       command->operand == OPERAND_CHANGES
		       ? names[given]
		       : operand_name(command->operand);
}

int command_run(struct context *ctx, int argc, const char *const *argv)
{
	const struct command *command = command_find(argv[0]);
	struct args_error error;
	struct args args;

	if (command == NULL) {
		command_unknown(argv[0]);
		return EXIT_USAGE;
	}
	if (!args_parse(command->options, command->operand_max, argc - 1,
			argv + 1, &args, &error)) {
		return usage_error(command, error.text);
	}
	if (args.help) {
		help_command(command);
		return EXIT_OK;
	}
	if (args.positional_count < command->operand_min) {
		snprintf(error.text, sizeof(error.text), "%s is missing",
			 missing_operand(command, args.positional_count));
		return usage_error(command, error.text);
	}
	args.command = command->name;
	return finish_output(command->run(ctx, &args));
}
