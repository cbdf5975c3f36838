import { useApi } from "../api/api";
import { failureOf, isNotCarriedOut } from "../api/failure";
import { useLoad } from "./load";

/**
 * Whether this server carries an operation out at all. It is asked without an input: one that does complains of that,
 * one that does not knows no such operation.
 */
export function useAbility(operation: string): boolean {
  const { call } = useApi();
  const known = useLoad(`ability ${operation}`, async () => {
    try {
      await call(operation, {});
      return true;
    } catch (error) {
      return !isNotCarriedOut(failureOf(error));
    }
  });
  return known.data ?? false;
}
