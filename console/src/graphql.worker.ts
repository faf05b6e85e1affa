/** Monaco's GraphQL worker. It does not ask for variables, nor for fields of them, that have a default. */
import { type DocumentNode, getOperationAST, parse, visit } from "graphql";
import { initialize } from "monaco-editor/esm/vs/editor/editor.worker.js";
import type { ICreateData } from "monaco-graphql";
import { GraphQLWorker } from "monaco-graphql/esm/GraphQLWorker.js";
import type { worker } from "monaco-graphql/esm/monaco-editor.js";

interface ObjectSchema {
  title?: string;
  required?: string[];
  properties?: Record<string, object>;
  definitions?: Record<string, ObjectSchema>;
}

class Worker extends GraphQLWorker {
  readonly #context: worker.IWorkerContext;

  constructor(context: worker.IWorkerContext, given: ICreateData) {
    super(context, given);
    this.#context = context;
  }

  /** As JSON Schema, in which whatever may not be null counts as required at first, whether it has a default or not. */
  override async doGetVariablesJSONSchema(uri: string): Promise<unknown> {
    const schema = (await super.doGetVariablesJSONSchema(uri)) as ObjectSchema | null;
    if (!schema) return null;
    const model = this.#context.getMirrorModels().find((each) => each.uri.toString() === uri);
    const document = parse(model?.getValue() ?? ""); // which it is: variables have been found in it
    const name = getOperationAST(document)?.name?.value;
    if (name) schema.title = `Variables of ${name}`;
    const filled = variablesWithDefaults(document);
    leaveOut(schema, (variable) => filled.has(variable));
    for (const input of Object.values(schema.definitions ?? {})) {
      leaveOut(input, (field) => "default" in (input.properties?.[field] ?? {}));
    }
    return schema;
  }
}

function variablesWithDefaults(document: DocumentNode): Set<string> {
  const found = new Set<string>();
  visit(document, {
    VariableDefinition: ({ variable, defaultValue }) => void (defaultValue && found.add(variable.name.value)),
  });
  return found;
}

function leaveOut(input: ObjectSchema, hasDefault: (name: string) => boolean): void {
  input.required = (input.required ?? []).filter((name) => !hasDefault(name));
}

globalThis.onmessage = () => {
  initialize((context: worker.IWorkerContext, given: ICreateData) => new Worker(context, given));
};
